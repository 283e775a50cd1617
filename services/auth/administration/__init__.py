"""What administrators of the installation do: they close accounts, deactivate organizations, end sessions."""
