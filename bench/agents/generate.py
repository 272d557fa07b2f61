"""Thirty faulty runs and thirty look-alikes from a seed: three of each for every kind, each in a world of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from flyball.model.run_diagnosis import RunKind

from bench.agents import scenes_acts as acts
from bench.agents import scenes_changes as changes
from bench.agents import scenes_ends as ends
from bench.agents.layout import Case, Label
from bench.agents.scenes_changes import Made
from bench.agents.world import World

Scene = Callable[[World], Made]
SCENES: dict[RunKind, tuple[tuple[Scene, ...], tuple[Scene, ...]]] = {
    RunKind.REGRESSION: (
        (
            changes.new_commit_breaks_the_act,
            changes.new_commit_breaks_a_reader,
            changes.new_commit_keeps_answers_whole,
        ),
        (changes.commit_and_nothing_worse, changes.commit_and_a_hiccup, changes.commit_long_ago),
    ),
    RunKind.MODEL_DRIFT: (
        (changes.checkpoint_misuses_tools, changes.checkpoint_takes_more_turns, changes.checkpoint_refuses),
        (changes.alias_pinned, changes.checkpoint_and_nothing_worse, changes.two_checkpoints_all_along),
    ),
    RunKind.CONFIG_DRIFT: (
        (changes.prompt_misuses_tools, changes.prompt_asks_for_more, changes.prompt_breaks_the_form),
        (changes.prompt_and_nothing_worse, changes.prompt_saves, changes.prompt_rolled_back),
    ),
    RunKind.TOKEN_BLOAT: (
        (changes.prompt_bloats, changes.context_bloats, changes.one_answer_bloats),
        (changes.longer_task, changes.somewhat_more, changes.long_answer_once),
    ),
    RunKind.LOOP: (
        (acts.same_call_fails, acts.two_calls_circle, acts.same_question_again),
        (acts.retry_that_succeeds, acts.poll_until_done, acts.page_by_page),
    ),
    RunKind.TOOL_ERRORS: (
        (acts.upstream_down, acts.upstream_half_down, acts.upstream_ends_it),
        (acts.one_bad_moment, acts.fails_as_ever, acts.another_way),
    ),
    RunKind.POISONED_INPUT: (
        (acts.order_followed, acts.order_held_back, acts.letter_followed),
        (acts.order_ignored, acts.link_followed, acts.order_reported),
    ),
    RunKind.BUDGET: (
        (ends.out_of_turns, ends.out_of_money, ends.out_of_the_guards_budget),
        (ends.just_in_time, ends.rate_limited_once, ends.cut_in_the_middle),
    ),
    RunKind.FALSE_COMPLETION: (
        (ends.said_though_it_failed, ends.said_though_nothing_changed, ends.said_though_never_tried),
        (ends.said_after_a_second_try, ends.said_honestly, ends.said_after_a_look),
    ),
    RunKind.SILENCE: (
        (ends.dies_after_a_call, ends.hangs_until_cancelled, ends.ends_without_a_word),
        (ends.slow_tool, ends.late_flush, ends.ends_with_its_act),
    ),
}


def cases(seed: int) -> Iterator[tuple[Case, Label]]:
    """Every case of a seed, in an order that says nothing, under names that say nothing."""
    rng = Random(seed)
    told = [
        (scene, Label(kind.value) if faulty else Label(RunKind.NOTHING_WRONG.value, kind.value))
        for kind, pair in SCENES.items()
        for faulty, scenes in ((True, pair[0]), (False, pair[1]))
        for scene in scenes
    ]
    rng.shuffle(told)
    for number, (scene, label) in enumerate(told):
        steps, history = scene(World(Random(rng.getrandbits(64))))
        yield Case(f"{number:02d}-{rng.getrandbits(24):06x}", tuple(steps), tuple(history)), label
