"""Which way is uphill: estimators of the distillation gradient, one file a method, one call signature."""
