"""The database: models and every query. SQLAlchemy is imported here alone; services call the functions in here."""
