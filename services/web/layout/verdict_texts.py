"""Sentences for verdicts: on machines, baselines, their sensors, and rules, each with its parameters.

`{name:.1%}` and the like are written as format() does; a text in another language may order them differently.
"""

from collections.abc import Mapping

from services.web.layout.marked import N_

VERDICTS: Mapping[str, str] = {
    # Health
    "anomalies_below_limit": N_(
        "{share:.1%} of the latest {samples} samples are anomalies, below the limit of {limit:.1%}."
    ),
    "anomalies_at_limit": N_(
        "{share:.1%} of the latest {samples} samples are anomalies, at or above the limit of {limit:.1%}."
    ),
    "anomalies_too_few": N_(
        "{share:.1%} of the latest {samples} samples are anomalies, but with so few samples that could be "
        "chance."
    ),
    "wear_below_limit": N_(
        "The latest samples are {wear:.1f} baseline standard deviations away from normal, below the "
        "limit of {limit:g}."
    ),
    "wear_at_limit": N_(
        "The latest samples are {wear:.1f} baseline standard deviations away from normal, at or above "
        "the limit of {limit:g}."
    ),
    "wear_of_too_few": N_(
        "The latest samples are {wear:.1f} baseline standard deviations away from normal, but there are "
        "only {samples} of them."
    ),
    "some_not_judged": N_(
        "{not_judged} of {samples} samples could not be judged, because too many of their values are missing."
    ),
    "nothing_judged": N_(
        "None of the {not_judged} samples could be judged, because too many of their values are missing."
    ),
    "anomalies_point_to": N_("The anomalies point to {features}: look there first."),
    "rise_unconfirmed": N_(
        "The newest run alone is not enough to rate the machine worse: the next one decides. Look at its"
        " anomalies, and upload the next samples soon."
    ),
    "fall_unconfirmed": N_(
        "The machine was rated worse before, and one better run is not enough to change that: the next one"
        " decides."
    ),
    "no_run": N_("No monitoring run is completed yet."),
    # Baselines
    "sound": N_("This baseline is sound. There is nothing to do."),
    "nothing_varies": N_(
        "Every feature is constant, so there is nothing to learn. Check that the sensors were connected "
        "and the machine was running."
    ),
    "too_few_samples": N_(
        "The {samples} samples carry as much information as {effective} independent ones; with fewer "
        "than {least}, the threshold is a guess. Record normal operation for longer, or at longer "
        "intervals."
    ),
    "few_samples_per_feature": N_(
        "There are only {samples} samples for {features} informative features, so small faults may be "
        "missed. About {suffices} samples of normal operation suffice."
    ),
    "uncertain_rate": N_(
        "{expected:.2%} of normal samples are expected to alarm, but the baseline shows only that the true"
        " share is between {least:.2%} and {most:.1%}. Add normal samples, or raise the alarm threshold."
    ),
    "separate_groups": N_(
        "The baseline consists of {groups} separate groups, such as loads or speeds. Faults between "
        "them are hard to detect. A separate baseline for each would be more precise."
    ),
    "constant_features": N_(
        "{features} features are constant in this baseline and not on the map; a change of their values "
        "is reported as an anomaly."
    ),
    "duplicate_features": N_("Some features are nearly identical. Remove duplicate channels."),
    "outliers": N_(
        "{count} samples of this baseline are far from normal and were excluded from the threshold, "
        "first {samples}. Upload the baseline without those that show faults or measurement errors."
    ),
    "features_left_out": N_(
        "{features} are missing in more than {limit:.0%} of the baseline and were left out: faults that only"
        " they show will not be found. Record normal operation with these sensors."
    ),
    "features_patchy": N_(
        "{features} are missing in part of the baseline. The values that are there were used."
    ),
    "samples_skipped": N_(
        "{samples} samples of this baseline lack more than {limit:.0%} of the sensors and were not"
        " learnt from."
    ),
    "no_measurements": N_(
        "Some values of {sensors} are far from everything else that these sensors measured, and count as"
        " missing. Check whether the logger marks missing values in this way."
    ),
    "setting_of_baseline": N_(
        "{setting} stays {used}, as in the baseline, instead of {wanted}: the map and the detector were"
        " learnt with that value. Upload a new baseline to change it."
    ),
    "baseline_activated": N_("Version {version} of the machine's baseline judges its next samples."),
    "baseline_proposed": N_(
        "Version {version} of the machine's baseline does not judge, because somebody has activated "
        "another one. Compare the two, and activate the new one if it is better."
    ),
    "rebaseline_proposed": N_(
        "The machine has been {shift:+.1f} standard deviations from the normal of its baseline since "
        "about {onset}, and steady since {steady_since}. If this is its new normal, as after "
        "maintenance, upload a baseline from then on; if not, it is a lasting fault."
    ),
    "drift_moving": N_(
        "The machine has been changing since about {onset} (between {earliest} and {latest}), and still "
        "is; it is {shift:+.1f} standard deviations from the normal of its baseline."
    ),
    "drift_outside": N_(
        "The machine has been {shift:+.1f} standard deviations from the normal of its baseline since "
        "about {onset}, and is not steady enough for a new normal."
    ),
    "drift_settled": N_(
        "The machine has been {shift:+.1f} standard deviations from the normal of its baseline since "
        "about {onset}: the baseline may cover a wider range than the machine uses now."
    ),
    # Wear
    "no_trend": N_("There is no significant trend (p = {p_value:.2g})."),
    "wear_decreasing": N_("The wear is decreasing and will not cross the failing level."),
    "wear_crossed": N_("The wear crossed the failing level {failing:g} at about {crossing:.6g}."),
    "too_few_points": N_("A trend needs at least {needed:.0f} points, and there are {points:.0f}."),
    "wear_rising": N_(
        "The wear has risen, but not lately, so when it crosses the failing level {failing:g} is unknown."
    ),
    "crossing_not_before": N_(
        "The wear will not cross the failing level {failing:g} before about {earliest:.6g}."
    ),
    "crossing_open": N_(
        "The wear will cross the failing level {failing:g} at about {crossing:.6g}: not before"
        " {earliest:.6g}, perhaps much later."
    ),
    "crossing_predicted": N_(
        "The wear will cross the failing level {failing:g} at about {crossing:.6g}, between {earliest:.6g}"
        " and {latest:.6g}."
    ),
    # Sensors of a baseline
    "sensor_redundant": N_(
        "“{sensor}” carries the same information as other sensors, above all “{partner}”: it repeats them, "
        "or is computed from them."
    ),
    "role_configured": N_("“{sensor}” has the role that the configuration gives it."),
    "role_missing": N_(
        "“{sensor}” is ignored because it is missing in {share:.0%} of the samples. Repair its recording, "
        "or leave it out."
    ),
    "role_counter": N_(
        "“{sensor}” is ignored because it only rises or only falls, as a counter or a clock does. If it is "
        "neither, set its role to “judged”."
    ),
    "role_wanders": N_(
        "“{sensor}” passes through its range less than twice in the baseline, so it is context: the other "
        "features are judged given its value. Record normal operation for longer, or set its role to "
        "“judged”."
    ),
    # Rules
    "can_never_fire": N_("This rule can never fire: nothing satisfies its condition."),
    "severity_never_reached": N_(
        "The severity “{severity}” is never reached: nothing satisfies its condition."
    ),
    "fires_when_in_order": N_(
        "This rule fires while the machine is in order: its condition is satisfied by normal samples."
    ),
    "unknown_features": N_(
        "No anomaly can be explained by {features}, because the machine's active baseline does not judge"
        " them."
    ),
    "inactive_contacts": N_("Nothing is sent to contact points that are switched off: {contacts}."),
    "unconfirmed_contacts": N_("Nothing is sent to mailboxes that nobody has confirmed yet: {contacts}."),
}
