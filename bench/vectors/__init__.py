"""The vectors that forge replays on the verifier contracts."""
