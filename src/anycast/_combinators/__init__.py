"""`lease`, `map`, `filter` and `merge`, for the receivers of every kind of channel."""
