"""`select`: exactly one of several operations happens. The kinds of channel are unknown here."""
