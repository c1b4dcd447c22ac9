"""Samplers against exact enumeration: `python -m tamis.bench.exactness`.

    llamas       models small enough to enumerate
    enumeration  the exact posterior; shares no code with the samplers
    simulation   many groups at once, by the engine's own bookkeeping and draws, without vLLM
    variants     the methods and tasks that are compared
    distances    total variation and bias, with their confidence bounds
    single_runs  the bias of one run against the number of particles
    tables       the report, and what counts as a failure

Start reading with `__main__`.
"""
