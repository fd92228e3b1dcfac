"""Tests of channels on a server; they need one.

What is promised, and where it is tested:

- what the channel in memory promises, too: `test_contract`, on both kinds; `test_select`
- at least once, leases, dead letters, delivery counts, at most once, the limit: `test_delivery`
- the heartbeat, silent processes and hung loops: `test_delivery`, `test_faults`
- a send is stored once, withdrawn, or of unknown outcome: `test_cancellation`, `test_faults`
- a cancellation, whenever it strikes, loses nothing and is not lost: `test_cancellation`,
  `test_pending_request`; of a task that was just handed a message: `test_handing_over`
- batches: `test_send_many`
- random cancellation, and no connection left behind: `test_storm`
- crashes of workers and of senders: `test_processes`
- everything between a channel and its server that can fail: `test_faults`
- arguments, servers that will not do, TLS, the extra: `test_opening`
"""
