"""The local models' files: pinned in `manifest`, fetched from package registries and checked by `store`, shown by `cli`.

Nothing here loads a model. `ModelStore().path(name)` is all that an engine needs.
"""
