"""Changes of the database, and what keeps them safe for the versions that run beside them."""
