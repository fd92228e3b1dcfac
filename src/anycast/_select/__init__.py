"""`select`: of several operations exactly one happens. This package knows no kind of channel."""
