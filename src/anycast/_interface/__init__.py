"""The public interface: the abstract channel, its endpoints, operations, errors and statistics.

Every kind of channel implements this interface. Of the whole library, this package imports only
its own modules.
"""
