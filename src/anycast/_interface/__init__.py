"""The public interface: the abstract channel, its endpoints, operations, errors and statistics.

Every kind of channel implements this interface. This package imports nothing from the rest of the
library.
"""
