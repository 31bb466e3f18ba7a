"""One Hail session per stage: Java chosen, memory given, quiet, and stopped at the end.

On one machine Spark runs inside the session (``local[threads]``). On a cluster it takes what
Spark itself is configured with: a master in ``SPARK_MASTER`` (``spark://host:7077``, ``yarn``)
or in `spark_conf`, and further properties from ``$SPARK_CONF_DIR/spark-defaults.conf``. There
`tmp_dir` and every input and output must be on storage that all workers see.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from genopheno.cohort import exchange, java
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl

# Below this size of input (bytes of compressed genotypes) the optimising compiler of Java costs
# more time than it saves: 20 s against 34 s for 100 people x 346 variants.
SMALL = 32 << 20

# Spark speaks up before Hail configures its log file: only errors are shown until then.
LOG4J = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n
logger.repl.name = org.apache.spark.api.python.PythonGatewayServer
logger.repl.level = error
"""


class _Closed:
    """Stands in for Hail's HTTP server when it is closed: the real one waits ten seconds."""

    def close(self) -> None:
        pass


@contextlib.contextmanager
def hail_session(
    tmp_dir: str | Path,
    *,
    memory_mb: int = 4000,
    threads: int = 1,
    log: str | Path | None = None,
    small: bool = False,
    spark_conf: dict[str, str] | None = None,
) -> Iterator[ModuleType]:
    """Start Hail, give the module ``hail``, and stop it with its JVM.

    Parameters
    ----------
    tmp_dir : folder for temporary files of driver and workers, emptied first and removed at
        the end. Both of Hail's temporary folders are there, so that nothing lands in /tmp.
    memory_mb : what the whole process may use (MiB). A fifth, at least 768 MiB, is left to
        Python and to memory that Java takes outside its heap.
    threads : cores of a local Spark; not used with a cluster.
    log : Hail's log file; None: ``<tmp_dir>.log``, which is kept only if Hail fails.
    small : little data: compile quickly rather than well (see `SMALL`).
    spark_conf : further Spark properties; they win over the ones set here.

    Raises
    ------
    StageError : no supported Java; a Hail session is already running in this process; or
        Hail fails inside the session (with Hail's own summary of why).
    """
    chosen = java.choose(java.candidates())
    tmp_dir = Path(tmp_dir).resolve()
    shutil.rmtree(tmp_dir, ignore_errors=True)  # of a run that was killed
    tmp_dir.mkdir(parents=True)
    keep_log = log is not None
    log = Path(log).resolve() if log else tmp_dir.with_name(f"{tmp_dir.name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    (tmp_dir / "log4j2.properties").write_text(LOG4J, encoding="utf-8")

    properties = dict(spark_conf or {})
    master = properties.pop("spark.master", None) or os.environ.get("SPARK_MASTER")
    heap = max(512, memory_mb - max(768, memory_mb // 5))
    options = [f"-Dlog4j2.configurationFile={tmp_dir / 'log4j2.properties'}"]
    if small:
        options += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    defaults = {
        "spark.driver.memory": f"{heap}m",
        "spark.driver.extraJavaOptions": " ".join(options),
        "spark.ui.enabled": "false",
    }
    if master is None:
        # A host name that does not resolve must not matter, and no port be open to others.
        defaults |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}

    with _environment(
        JAVA_HOME=str(chosen.home), **({} if master else {"SPARK_LOCAL_IP": "127.0.0.1"})
    ):
        import hail as hl
        from hail.utils.java import Env

        if Env.is_fully_initialized():
            raise fail(
                "hail-running",
                "hail",
                "a Hail session is already running in this process",
                "Stop it with hl.stop(), or run the stage in a process of its own",
            )
        with warnings.catch_warnings():
            # Hail is built for Java 11 and says so; 17 is what we test with.
            warnings.filterwarnings("ignore", message="Hail was built and tested with Java 11")
            hl.init(
                app_name="genopheno",
                master=master or f"local[{threads}]",
                log=str(log),
                quiet=True,
                show_progress=sys.stderr.isatty(),
                tmp_dir=f"file://{tmp_dir}" if master is None else str(tmp_dir),
                local_tmpdir=f"file://{tmp_dir}",
                spark_conf=defaults | properties,
                backend="spark",
            )
        try:
            yield hl
        except hl.utils.java.FatalError as error:
            summary = str(error).rpartition("Error summary: ")[2] or str(error)
            keep_log = True
            raise fail(
                "hail-failed", log, summary.strip(), "Mend the input it names; the log has details"
            ) from error
        finally:
            _stop(hl)
            shutil.rmtree(tmp_dir, ignore_errors=True)
            if not keep_log:
                log.unlink(missing_ok=True)


def _stop(hl: ModuleType) -> None:
    """Stop Hail, and the JVM with it, so that another session can have another memory size."""
    from hail.utils.java import Env
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    backend = Env.backend()
    if hasattr(backend, "_jhttp_server"):
        backend._jhttp_server = _Closed()
    hl.stop()
    process = getattr(gateway, "proc", None)
    if process is not None:
        process.stdin.close()  # the gateway ends when its standard input does
        process.wait()


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def matrix_session(
    cohort_mt: str | Path,
    tmp_dir: str | Path,
    *,
    memory_mb: int,
    threads: int,
    spark_conf: dict[str, str] | None,
) -> Iterator[tuple[ModuleType, hl.MatrixTable]]:
    """As `hail_session`, with the matrix opened, whose size says how Java compiles."""
    size = sum(file.stat().st_size for file in Path(cohort_mt).rglob("*") if file.is_file())
    with hail_session(
        tmp_dir, memory_mb=memory_mb, threads=threads, small=size < SMALL, spark_conf=spark_conf
    ) as hl:
        yield hl, hl.read_matrix_table(exchange.uri(cohort_mt))
