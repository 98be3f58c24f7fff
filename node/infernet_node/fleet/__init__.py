"""What a node of several processes needs beyond one: who lives, who does what, who is woken.

Everything here is about processes that share one store. The store says what is so; whatever goes
over a broker only says that it is worth looking.
"""
