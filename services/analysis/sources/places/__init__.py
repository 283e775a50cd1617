"""Where files come from: folders, buckets and SFTP servers."""
