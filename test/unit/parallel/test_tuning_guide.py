"""The code of the performance tuning guide that people know, run as they would: in scripts.

The blocks are the guide's own, with `src.parallel` become `jobflows.parallel`; before each stands
what the guide leaves to the reader, after it what has to be true then.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

WORKERS = """
import os
tasks, num_workers = list(range(1000)), 4
"""

BLOCKS = {
    "workers for CPU-bound tasks": (
        WORKERS,
        "num_workers = os.cpu_count()",
        "assert num_workers >= 1",
    ),
    "workers for I/O-bound tasks": (
        WORKERS,
        "num_workers = os.cpu_count() * 2  # or higher",
        "assert num_workers >= 2",
    ),
    "workers under memory pressure": (
        WORKERS,
        "num_workers = max(1, os.cpu_count() // 2)",
        "assert num_workers >= 1",
    ),
    "many small tasks": (
        WORKERS,
        "chunk_size = max(1, len(tasks) // (num_workers * 10))",
        "assert chunk_size == 25",
    ),
    "fewer large tasks": (
        WORKERS,
        "chunk_size = max(1, len(tasks) // (num_workers * 2))",
        "assert chunk_size == 125",
    ),
    "general heuristic": (
        WORKERS,
        "chunk_size = max(1, min(100, len(tasks) // num_workers))",
        "assert chunk_size == 100",
    ),
    "profiling and benchmarking": (
        """
        from jobflows.parallel import execute_parallel

        def process_item(count):
            return sum(range(count))

        items = [20_000 + i for i in range(200)]
        """,
        """
        import time

        # Serial execution
        start_time = time.time()
        serial_results = [process_item(item) for item in items]
        serial_time = time.time() - start_time

        # Parallel execution
        start_time = time.time()
        parallel_results = execute_parallel(process_item, items, num_workers=4)
        parallel_time = time.time() - start_time

        speedup = serial_time / parallel_time
        print(f"Speedup: {speedup:.2f}x")
        """,
        "assert parallel_results == serial_results",
    ),
    "example 1: CPU-bound alignment tasks": (
        """
        import os, random
        reference_seq = "".join(random.Random(1).choices("ACGT", k=2_000))
        features = [reference_seq[at : at + 40] for at in range(0, 1_900, 10)]
        """,
        """
        from jobflows.parallel.parallel_alignment import ParallelAligner

        aligner = ParallelAligner(
            num_workers=os.cpu_count(),  # Use all CPU cores
            batch_size=50,               # Moderate batch size
            pool_type='process'          # Process-based for CPU work
        )

        results = aligner.align_features(features, reference_seq)
        """,
        """
        assert [found.position for found in results] == list(range(0, 1_900, 10))
        assert {found.score for found in results} == {1.0}
        """,
    ),
    "example 2: I/O-bound data loading": (
        """
        import os, pathlib
        file_list = [f"{number}.txt" for number in range(40)]
        for name in file_list:
            pathlib.Path(name).write_text(f"content of {name}")
        """,
        """
        from jobflows.parallel.task_manager import execute_parallel

        def load_file(filename):
            with open(filename, 'r') as f:
                return f.read()

        # Use threads for I/O-bound work
        files_content = execute_parallel(
            load_file,
            file_list,
            num_workers=os.cpu_count() * 2,  # More workers for I/O
            pool_type='thread'              # Thread-based for I/O
        )
        """,
        'assert files_content == [f"content of {name}" for name in file_list]',
    ),
    "example 3: hierarchical analysis workflow": (
        """
        import os
        load_function = lambda: "3 1 2 x"
        parse_function = lambda text: text.split()
        filter_function = lambda words: [int(word) for word in words if word.isdigit()]
        analyze_function = lambda numbers: sorted(numbers)
        visualize_function = lambda numbers: "".join("*" * n + "|" for n in numbers)
        """,
        """
        from jobflows.parallel.hierarchical_executor import HierarchicalExecutor

        executor = HierarchicalExecutor(num_workers=os.cpu_count())

        # Add tasks with dependencies
        executor.add_task('load_data', load_function)
        executor.add_task('parse', parse_function, dependencies=['load_data'])
        executor.add_task('filter', filter_function, dependencies=['parse'])
        executor.add_task('analyze', analyze_function, dependencies=['filter'])
        executor.add_task('visualize', visualize_function, dependencies=['analyze'])

        # Execute respecting dependencies
        results = executor.execute()
        """,
        """
        assert list(results) == ['load_data', 'parse', 'filter', 'analyze', 'visualize']
        assert results['visualize'] == "*|**|***|"
        """,
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_of_the_guide_runs(name: str, tmp_path: Path) -> None:
    script = tmp_path / "guide.py"
    script.write_text("\n".join(map(textwrap.dedent, BLOCKS[name])))
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_none_of_its_blocks_is_missing() -> None:
    assert len(BLOCKS) == 10
