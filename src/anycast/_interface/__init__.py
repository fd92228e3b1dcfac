"""What users see: the abstract channel, its two ends, operations, errors and statistics.

This package imports nothing else of the library. Every kind of channel implements it.
"""
