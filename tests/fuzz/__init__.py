"""Fuzzers: inputs made from a seed, each of which must open or be refused by a `SeisdreamError`.

A kind of input is a module with three functions: ``seeds(folder)`` writes valid inputs, a folder each;
``mutate(files, random, others)`` returns the files of one input, changed; ``use(folder)`` opens it as the program does.
"""
