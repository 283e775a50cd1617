"""Who is signed in, kept in the browser's cookies."""
