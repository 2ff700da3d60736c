"""Use cases: each is told a database session and who is asking, and knows no Flask; the callers end transactions."""
