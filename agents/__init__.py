"""Policies initialised from a language model, in Gymnasium environments.  Nothing lives here yet."""
