"""The files of annotation tools, read into and written from `core.annotations`; `registry` lists them."""
