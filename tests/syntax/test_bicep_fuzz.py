"""No text breaks the Bicep parser: cut off, damaged, or none of its language at all."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azkvlint.syntax.bicep.parse import Parsed, parse

pytestmark = pytest.mark.slow(8)

WHOLE = """targetScope = 'resourceGroup'
// Where the vault is.
@description('Where.')
@allowed([
  'westeurope'
  'northeurope'
])
param location string = 'westeurope'

@secure()
param secret string

type rule = {
  @minLength(1)
  name: string
  ports: int[]?
  kind: 'a' | 'b'
  *: string
}

import { other as another } from 'other.bicep'
import * as shared from 'shared.bicep'

func named(a string, b int) string => '${a}-${b}'

var text = $'''
  ${location} and
  more
'''
var sums = 1 + 2 * 3 - (4 % 5)
var loops = [for (x, i) in range(0, 3): {
  index: i
  value: x > 1 ? 'big' : 'small'
}]

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = if (sums > 0) {
  name: named('kv', 1)
  location: location
  tags: { a: 'b', 'c d': '${location}' }
  properties: {
    enablePurgeProtection: true
    sku: {
      family: 'A'
      name: 'standard'
    }
    networkAcls: {
      ipRules: []
      virtualNetworkRules: [
        {
          id: text
        }
      ]
    }
  }
  /* a secret */
  resource one 'secrets' = {
    name: 'one'
    properties: {
      value: secret
      contentType: loops[?0].?value ?? 'none'
    }
  }
}

module deploy './module.bicep' = [for name in ['a', 'b']: {
  name: name
  params: {
    all: [...loops, map(loops, item => item.index)]
    last: loops[^1]!.value
  }
}]

output id string = vault::one.id

metadata about = {
  author: 'us'
}

extension kubernetes with {
  namespace: 'default'
} as k8s

assert named = contains(location, 'europe')

#disable-next-line no-unused-params
param rest {
  a: {
    b: [string, int]
  }?
  c: resourceInput<'Microsoft.KeyVault/vaults@2023-07-01'>.properties
} = {
  ...empty
  c: {}
}

var empty object = {}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' existing = {
  scope: subscription()
  name: 'rg'
}

/*
  One for each of them.
*/
@batchSize(2)
resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (principal, i) in [
    'one'
    'two'
  ]: if (i < length(loops)) {
    name: guid(vault.id, principal)
    scope: vault
    properties: {
      principalId: principal // not the name
      roleDefinitionId: i == 0
        ? 'first'
        : 'second'
      description: '''
        Of {no} account.
      '''
    }
  }
]

output names array = [
  for name in concat(
    ['a'],
    []
  ): {
    name: toLower(name)
    'is ${name}': !empty(name) && name != 'c' || false
  }
]
output first string? = deploy[0].outputs.?names[?0].name
output negative int = -1
output nothing object = null
"""
DECLARED = 24
_MUTATION = st.tuples(
    st.integers(0, len(WHOLE)), st.integers(0, 6), st.text("{}[]()'$\\/*\n\r#@=:?!.,<>|x1 ", max_size=4)
)

# HYPOTHESIS_PROFILE=nightly takes some ten minutes.
TIMES = 100 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 1


def check(text: str) -> Parsed:
    """Parses, and checks what holds of any text."""
    parsed = parse(text)
    assert all(0 <= fault.at <= len(text) and fault.message for fault in parsed.faults)
    assert all(0 <= node.start < node.end <= len(text) for node in parsed.declarations)
    return parsed


def test_truncated_file_has_a_syntax_error() -> None:
    whole = check(WHOLE)
    assert (len(whole.declarations), whole.faults) == (DECLARED, ())
    ends = [0, *(node.end for node in whole.declarations)]
    for at in range(len(WHOLE)):
        parsed = check(WHOLE[:at])
        count = sum(node.end <= at for node in whole.declarations)
        assert parsed.declarations[:count] == whole.declarations[:count]
        rest = WHOLE[ends[count] : at]
        if any(rest.count(opening) > rest.count(closing) for opening, closing in ("{}", "[]", "()")):
            assert parsed.faults
        elif not rest.strip():
            assert not parsed.faults


@settings(max_examples=4000 * TIMES, deadline=None)
@given(st.text())
def test_any_text_is_read(text: str) -> None:
    check(text)


_MARKS = ["\n", "\r", " ", *"{}[]()'$\\/*#@=:?!.,<>|+-"]
_WORDS = ["'''", "${", "=>", "//", "/*", "*/", "param ", "var ", "resource ", "for ", "if ", " in ", "x", "1"]
_PIECES = st.sampled_from(_MARKS + _WORDS)


@settings(max_examples=1000 * TIMES, deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join))
def test_any_heap_of_pieces_is_read(text: str) -> None:
    check(f"var a = {text}\n{text}\nvar z = 1")


@settings(max_examples=300 * TIMES, deadline=None)
@given(st.lists(_MUTATION, min_size=1, max_size=3), st.integers(0, len(WHOLE)))
def test_damaged_files_are_read(mutations: list[tuple[int, int, str]], end: int) -> None:
    text = WHOLE
    for at, length, new in mutations:
        text = text[:at] + new + text[at + length :]
    check(text)
    check(text[:end])
