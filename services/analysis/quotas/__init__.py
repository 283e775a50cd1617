"""What an organization may use, so that no organization uses up what others need."""
