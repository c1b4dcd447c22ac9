"""What an engine still holds when it has nothing to do."""

from __future__ import annotations

from typing import Any

from ...engine import Engine
from ...engine.vllm.constraints import REGISTRY


def leftovers(engine: Engine) -> dict[str, int]:
    """Whatever an idle engine still holds, by name; all are 0 where nothing leaks."""
    scheduler: Any = engine._scheduler
    worker: Any = engine._engine.engine_core.engine_core.model_executor.driver_worker.worker
    processor = worker._processor()
    pool = scheduler.kv_cache_manager.block_pool
    return {
        "groups": len(scheduler.groups),
        "particles": len(scheduler._particle_of),
        "parked": len(scheduler._parked),
        "pending": len(scheduler.pending),
        "options": len(scheduler._options),
        "rejected": len(scheduler._rejected),
        "blocked": len(scheduler._blocked_since),
        "reserved slots": scheduler._reserved,
        "requests": len(scheduler.requests),
        "running": len(scheduler.running),
        "waiting": len(scheduler.waiting),
        # The pool keeps one block for itself.
        "blocks": pool.num_gpu_blocks - 1 - pool.get_num_free_blocks(),
        "rows": len(processor._rows) + len(processor._entering) + len(processor._occupants),
        "records": len(processor._particles._records),
        "front end": engine._engine.get_num_unfinished_requests(),
        "registry": len(REGISTRY),
    }
