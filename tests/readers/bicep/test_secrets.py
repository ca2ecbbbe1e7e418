"""The secrets of a Bicep file, which are searched only where a report shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.readers.bicep.document import BicepFileSecrets, read_file

SAMPLES = Path(__file__).parents[3] / "samples"
TEXT = """
@secure()
param password string = 'default-of-a-password'
param settings object = {
  adminPassword: 'hunter2', name: 'app'
}
var connection = 'Server=db;Password=hunter3'
resource kv 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: 'kv'
  properties: { token: 'hunter4' }
}
"""


def test_secrets_in_every_kind_of_declaration_are_found() -> None:
    spans = BicepFileSecrets(read_file("main.bicep", "", TEXT), [(1, 4)]).within(0, len(TEXT))
    assert [TEXT[start:end] for start, end in spans] == [
        TEXT[1:4], "'default-of-a-password'", "'hunter2'", "'Server=db;Password=hunter3'", "'hunter4'",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", *(str(one.relative_to(SAMPLES)) for one in sorted(SAMPLES.rglob("*.bicep")))])
def test_a_part_of_a_file_has_the_secrets_of_the_whole_file_that_reach_into_it(name: str) -> None:
    text = (SAMPLES / name).read_text() if name else TEXT
    file = read_file("main.bicep", "", text)
    everything = BicepFileSecrets(file, ()).within(0, len(text))
    size = max(1, len(text) // 40)
    for low in range(0, len(text), size):
        for high in (low + 1, low + size, low + 10 * size):
            expected = [span for span in everything if span[1] > low and span[0] < high]
            assert BicepFileSecrets(file, ()).within(low, high) == expected
