"""Tests of everything that needs no peer, no server and no network."""
