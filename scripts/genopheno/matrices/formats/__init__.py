"""The formats that matrices are written in, one module each.

Each has a function ``write(folder, name, plan, blocks)``, which writes what it names into a
folder and gives the paths back in the order in which they may get their final names.
"""
