"""Tests of channels on a server; they need one."""
