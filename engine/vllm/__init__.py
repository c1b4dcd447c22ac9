"""tamis inside vLLM: what enters is one request for a whole group of particles, what leaves is one answer with their
weights.

    environment  settings that must stand before vLLM starts, and the engine options that load the three parts below
    processor    AWRS: draws every particle's next token, all rows of a step at once (`particle_rows`)
    worker       carries the log-weight increments from the processor to the scheduler
    scheduler    SMC: turns a group into particles, keeps them in step, resamples, forks, answers once
    answers      the output with which a group answers
    call         what `Engine.generate` was asked for, checked without a model
    vocabularies the tokens' bytes for each set of EOS ids, and text made of them
    options      the request as it travels in `SamplingParams.extra_args["tamis"]`
    compat       the one file that imports vLLM's internals

Start reading with `scheduler`; `group` holds its bookkeeping, without vLLM.
"""
