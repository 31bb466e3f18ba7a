"""Rows of a study on disk, found again by window of the genome.

Files come in any order and of any length. Each is written once to a scratch file of Arrow record
batches, none of which crosses a window of `WINDOW` bases; an analysis then walks over the windows
and holds one of them of every study at a time.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from genopheno.sumstats import chromosomes

SHIFT = 24
WINDOW = 1 << SHIFT  # bases: some 200 windows in a human genome
Key = tuple[str, int]  # contig, number of the window on it


class Store:
    """Scratch file of one study.

    Use as a context to write (`add`), afterwards read (`read`).

    Parameters
    ----------
    path : of the scratch file.
    schema : of the rows, which have `contig` and `position`; the contig is not stored.
    """

    def __init__(self, path: Path, schema: pa.Schema):
        self._path = path
        self.schema = schema.remove(schema.get_field_index("contig"))
        self._batches: dict[Key, list[int]] = defaultdict(list)
        self._written = 0
        self._reader: pa.ipc.RecordBatchFileReader | None = None

    def __enter__(self) -> Store:
        self._writer = pa.ipc.new_file(str(self._path), self.schema)
        return self

    def __exit__(self, *_) -> None:
        self._writer.close()

    def add(self, table: pa.Table) -> None:
        """Append rows, in any order."""
        if not table.num_rows:
            return
        contigs = table["contig"].combine_chunks().dictionary_encode()
        if isinstance(contigs, pa.ChunkedArray):
            contigs = contigs.combine_chunks()
        codes = contigs.indices.to_numpy().astype(np.int64)
        window = codes << 16 | table["position"].to_numpy() >> SHIFT
        table = table.select(self.schema.names)
        if np.any(np.diff(window) < 0):
            order = np.argsort(window, kind="stable")
            table, window = table.take(pa.array(order)), window[order]
        table = table.combine_chunks()
        starts = np.flatnonzero(np.diff(window, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(window)], strict=True):
            key = contigs.dictionary[int(window[start] >> 16)].as_py(), int(window[start] & 0xFFFF)
            for batch in table.slice(start, end - start).to_batches():
                self._writer.write_batch(batch)
                self._batches[key].append(self._written)
                self._written += 1

    def windows(self) -> list[Key]:
        """Windows that have rows, in the order of the genome."""
        return sorted(self._batches, key=self.order)

    @staticmethod
    def order(key: Key) -> tuple:
        """What windows are sorted by."""
        return *chromosomes.order(key[0]), key[1]

    def read(self, key: Key) -> pa.Table:
        """Rows of one window, as they came; none where there are none."""
        if not self._batches.get(key):
            return self.schema.empty_table()
        if self._reader is None:
            self._reader = pa.ipc.open_file(pa.OSFile(str(self._path)))
        return pa.Table.from_batches([self._reader.get_batch(i) for i in self._batches[key]])
