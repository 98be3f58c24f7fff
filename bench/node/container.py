"""A container that answers at once: ``python -m bench.node.container`` says on which port."""

import uvloop

from bench.node.wire import answer_at_once

if __name__ == "__main__":
    uvloop.run(answer_at_once(lambda port: print(port, flush=True)))
