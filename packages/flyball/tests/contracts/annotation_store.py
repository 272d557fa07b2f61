"""What every store of annotations must do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flyball.component.ports import AnnotationStore
from flyball.model.annotation import Annotation

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


class AnnotationStoreContract:
    @pytest.fixture
    def annotating(self) -> AnnotationStore:
        raise NotImplementedError

    async def test_a_name_says_one_thing_of_a_run_the_last(self, annotating: AnnotationStore) -> None:
        first = Annotation(workspace="default", run_id="a", name="quality", number=0.5, by="Ada", time=NOON)
        yes = replace(first, name="correct", number=None, boolean=False)
        word = replace(first, name="kind", number=None, category="refund")
        later = replace(first, number=0.0, by="", time=NOON + timedelta(seconds=1))
        for one in (first, yes, word, later, replace(first, run_id="b"), replace(first, workspace="other")):
            await annotating.put_annotation(one)
        assert list(await annotating.annotations("default", "a")) == [yes, word, later]
        assert list(await annotating.annotations("default", "c")) == []
