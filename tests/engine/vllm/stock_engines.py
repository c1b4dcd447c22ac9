"""Run by test_stock_engines.py in a process of its own: tamis inside vLLM's own `LLM` and `AsyncLLM`.

usage: stock_engines.py llm|async FOLDER; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from typing import Any

OPTIONS: dict[str, Any] = {"dtype": "float32", "enforce_eager": True, "max_model_len": 128, "max_num_seqs": 16}
PROMPT = {"prompt_token_ids": [1, 2, 3]}


def run_llm(folder: str) -> dict[str, Any]:
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    from tamis.engine import predicate
    from tamis.engine.vllm.constraints import REGISTRY
    from tamis.engine.vllm.environment import engine_options
    from tamis.engine.vllm.requests import read_result, sampling_params
    from tamis.grammars import Grammar
    from vllm import LLM, SamplingParams

    llm = LLM(model=folder, **OPTIONS, **engine_options(verify=True))
    grammar = Grammar("regex", "(ab|ba|cc|d)*")
    params = [
        sampling_params(grammar, particles=8, seed=3, request=0, max_tokens=20, ess_threshold=0.9),
        SamplingParams(temperature=0, max_tokens=9, ignore_eos=True),
        sampling_params(predicate(lambda s: "c" not in s), particles=4, seed=3, request=2, max_tokens=20),
    ]
    outputs = llm.generate([PROMPT] * 3, params, use_tqdm=False)
    tokenizer = llm.get_tokenizer()
    del params
    gc.collect()
    first, third = read_result(outputs[0], tokenizer), read_result(outputs[2], tokenizer)
    return {
        "first": first.to_dict(),
        "third": third.to_dict(),
        "plain": len(outputs[1].outputs[0].token_ids),
        "text": outputs[0].outputs[0].text,
        "registered": len(REGISTRY),
        "reason": outputs[0].outputs[0].finish_reason,
    }


def run_async(folder: str) -> dict[str, Any]:
    from tamis.engine import GenerationError, predicate
    from tamis.engine.vllm.environment import engine_options
    from tamis.engine.vllm.requests import read_result, sampling_params
    from tamis.grammars import Grammar
    from vllm import AsyncEngineArgs, SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

    grammar = Grammar("regex", "(ab|ba|cc|d)*")
    report: dict[str, Any] = {}

    async def main() -> None:
        llm = AsyncLLM.from_engine_args(AsyncEngineArgs(model=folder, **OPTIONS, **engine_options(verify=True)))
        tokenizer = llm.get_tokenizer()

        async def one(name: str, params: Any) -> Any:
            outputs = [output async for output in llm.generate(PROMPT, params, name)]
            report.setdefault("pieces", []).append(len(outputs) if name.startswith("group") else 1)
            return outputs[-1]

        def group(request: int, **options: Any) -> Any:
            return sampling_params(grammar, seed=3, request=request, max_tokens=20, **options)

        outputs = await asyncio.gather(
            *(one(f"group-{i}", group(i, particles=8, ess_threshold=0.9)) for i in range(4)),
            *(one(f"plain-{i}", SamplingParams(temperature=0, max_tokens=9, ignore_eos=True)) for i in range(4)),
        )
        report["first"] = read_result(outputs[0], tokenizer).to_dict()
        report["plain"] = [len(output.outputs[0].token_ids) for output in outputs[4:]]
        task = asyncio.create_task(
            one("aborted", sampling_params(Grammar("regex", "(a|b){110}"), particles=16, max_tokens=120))
        )
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        # All 16 slots are needed, so this one ends only if the aborted group gave its own back.
        report["after"] = read_result(await one("group-after", group(9, particles=16)), tokenizer).to_dict()
        for name, params in (
            ("predicate", sampling_params(predicate(lambda s: True), particles=2)),
            ("too many", group(0, particles=17)),
        ):
            try:
                read_result(await one(name, params), tokenizer)
            except GenerationError as error:
                report[name] = str(error)
        llm.shutdown()

    asyncio.run(main())
    return report


if __name__ == "__main__":
    result = {"llm": run_llm, "async": run_async}[sys.argv[1]](sys.argv[2])
    print("\n" + json.dumps(result))
