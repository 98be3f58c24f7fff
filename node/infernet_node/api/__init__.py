"""The REST interface: parsing, permission and shape; what is done stands elsewhere."""
