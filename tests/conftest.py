"""Settings that must stand before torch or vLLM is imported by any test."""

import os

# Threads that spin while another process wants the cores slow vLLM down 20-fold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
