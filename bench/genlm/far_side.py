"""genlm-control in its own environment: a task per line of standard input, a run per line of standard output.

Imports nothing of tamis, which is not installed there.
"""

import asyncio
import json
import sys
import time
import traceback
from typing import Any


def _condition(kind: str, source: str) -> Any:
    from genlm.control import BoolCFG, BoolFSA, JsonSchema

    if kind == "json_schema":
        return JsonSchema(json.loads(source))
    return BoolFSA.from_regex(source) if kind == "regex" else BoolCFG.from_lark(source)


async def _run(llm: Any, request: dict[str, Any]) -> dict[str, Any]:
    from genlm.control import AWRS

    llm.model.clear_cache()
    llm.prompt_ids = request["prompt"]
    llm.model.cache_kv(request["prompt"])
    begin = time.perf_counter()
    condition = _condition(request["kind"], request["source"]).coerce(llm, f=b"".join)
    sampler = AWRS(llm, condition, seed=request["seed"])
    built = time.perf_counter()
    found = await sampler.smc(n_particles=request["particles"], ess_threshold=0.5, max_tokens=request["max_tokens"])
    end = time.perf_counter()
    await sampler.cleanup()
    texts, tokens = [], 0
    for context in found.contexts:
        texts.append(b"".join(bytes(token) for token in context if isinstance(token, bytes)).decode(errors="replace"))
        tokens += len(context)
    return {
        "building": built - begin,
        "seconds": end - built,
        "tokens": tokens,
        "log_evidence": float(found.log_ml),
        "texts": texts,
        "log_weights": [float(weight) for weight in found.log_weights],
    }


def main() -> None:
    """Load the model that the first line names, then answer every line."""
    import torch
    from genlm.control import PromptedLLM

    out = sys.stdout
    sys.stdout = sys.stderr  # libraries print
    setup = json.loads(sys.stdin.readline())
    torch.set_num_threads(setup["threads"])
    llm = PromptedLLM.from_name(
        setup["model"],
        backend="hf",
        eos_byte_strings=[text.encode() for text in setup["eos"]],
        hf_opts={"torch_dtype": setup["dtype"], "device_map": "cpu"},
    )
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        torch.manual_seed(request["seed"])
        try:
            answer = asyncio.run(_run(llm, request))
        except AssertionError as error:
            # Its sampler checks its own sums of probabilities, which rounding may carry beyond 1.
            last = traceback.extract_tb(error.__traceback__)[-1]
            if last.line != "assert log_q <= error_tolerance":
                raise
            answer = {"failed": True}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
