"""`doctor`: why something can't be read or sent, which right or package is missing, what mends it.

`findings` are what it tells, `causes` knows why a source refuses, `surroundings` what the agent
runs in, `health` how the agent itself is, `text` has the words for a terminal.
"""
