"""REMEMBER: what happened, what was done about it, and whether it worked; told when its like comes again.

Pure over the port `MemoryStore`: times come in as arguments. `record` writes, `recall` reads, `exchange` carries the
graph to another place, `facts` turns nouns into nodes and back.
"""
