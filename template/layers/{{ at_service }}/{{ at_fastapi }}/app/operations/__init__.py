"""What makes the service fit for operation, whatever it does."""
