"""Pictures with a known truth: objects as signed distance functions, surfaces as plane patterns, all in torch."""
