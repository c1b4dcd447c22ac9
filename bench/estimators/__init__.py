"""What the weight estimators of AWRS cost and how they vary: `python -m tamis.bench.estimators`.

    families   rows of logits with the tokens that are allowed, synthetic and recorded
    recording  rows of SmolLM2 under real grammars
    curves     relative standard deviation against checks, measured with the engine's own draws

Start reading with `__main__`.
"""
