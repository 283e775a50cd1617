"""Sentences for files: what cannot be read, what is asked of them, and what their data are like.

Where something is, the page says beside the sentence: a problem has the fields `file`, `row` and `column`.
"""

from collections.abc import Mapping

from services.web.layout.marked import N_

# Why a file is refused, or what is asked about it. Also why an analysis failed.
FILES: Mapping[str, str] = {
    # What kind of file it is
    "empty": N_("The file is empty. Export it again."),
    "no_file": N_("There is no file in the upload. Choose one."),
    "foreign_form": N_(
        "This is not a table that can be read. Send CSV, Excel (.xlsx, .xls) or Parquet; labels as CSV."
    ),
    "damaged_file": N_("The file is damaged or incomplete. Save or export it again, and send that."),
    "damaged_archive": N_("The archive is damaged or incomplete. Pack it again, and send that."),
    "encrypted": N_("The file is protected with a password. Save or pack it without one."),
    "empty_archive": N_("The archive contains no file. Pack it again with the tables."),
    "nested_archive": N_("The archive contains archives of archives. Unpack it before you upload it."),
    "not_seekable": N_(
        "The file was sent as a stream, which cannot be read here. Save it as a file first, and send that."
    ),
    "sheet_absent": N_("The workbook has no visible sheet “{sheet}”. Choose one of these: {sheets}."),
    # Limits
    "expands_too_far": N_(
        "Unpacked or joined, the file takes more room than is allowed. Split it up, or send fewer"
        " sensors at once; a longer step (resample) makes joined files smaller."
    ),
    "too_many_members": N_("The archive contains more than {limit} files. Split it up."),
    "too_many_columns": N_("The table has more than {limit} columns. Split it up."),
    "too_many_rows": N_("The table has more than {limit} rows. Split it up."),
    "line_too_long": N_(
        "The line has more than {limit} characters, so this is hardly a table. Look for a missing line end or"
        " quotation mark."
    ),
    "cell_too_long": N_("The cell has more than {limit} characters. Look for a missing quotation mark."),
    # Rows and cells
    "unparsable": N_("The rows cannot be told apart. Look for a missing quotation mark."),
    "stray_quote": N_(
        "A cell goes on after its closing quotation mark, or has none. Look for a stray quotation mark."
    ),
    "wrong_width": N_(
        "The row has {cells} cells, but the header has {columns}. Look for a missing or extra delimiter or"
        " quotation mark; if the line is no row, remove it."
    ),
    "list_length": N_(
        "This list has {values} values, but the one in the first row has {expected}. Give all lists the same"
        " length."
    ),
    "undecodable": N_(
        "This text cannot be read in the encoding of the rest of the file, or contains a NUL character."
        " Export the file again as UTF-8; for CSV, you can also set the encoding."
    ),
    "bad_metadata": N_("This text cannot be stored: it is too long, or holds a NUL character. Correct it."),
    "missing_value": N_(
        "The value is missing, and the configuration refuses that. Fill it in, or let missing values be used."
    ),
    "too_large": N_("“{cell}” is larger than any measurement can be. Correct it, or remove the row."),
    "not_a_number": N_(
        "“{cell}” is not a number. Correct it, list it as “not measured” if that is what it means, or use"
        " the column as metadata."
    ),
    "not_numbers": N_("The column contains {cell}, not numbers. Convert it, or use it as metadata."),
    "switch_or_status": N_(
        "“{cell}” is in a column of numbers. Correct it, or list it as “not measured” if that is what it"
        " means."
    ),
    "switch_or_number": N_(
        "“{cell}” is in a column of words such as ON and OFF. Correct it, or list the words as “not measured”"
        " if that is what they mean."
    ),
    "ambiguous_number": N_(
        "“{cell}” can be read in two ways, and nothing in the file settles it. Which is the decimal"
        " separator?"
    ),
    "number_aside_option": N_("If the column is not a feature:"),
    "number_missing_option": N_("If “{cell}” means that nothing was measured:"),
    "another_header": N_(
        "“{cell}” is the name of a column, so the row is another header, and what follows may stand in other"
        " columns. Split the file there, or remove the row."
    ),
    "total_row": N_("“{cell}” marks the row as a total, not a sample. Remove the row."),
    "ambiguous_number_option": N_("If the decimal separator is “{decimal}”:"),
    "ambiguous_groups": N_(
        "“{cell}” may have a thousands separator or be a typing error; no other cell settles it. Set the"
        " thousands separator, or correct the cell."
    ),
    "mixed_decimals": N_(
        "“{cell}” and “{other}” do not go together: one has a decimal point, the other a decimal comma."
        " Write all numbers of the file in one way."
    ),
    "fill_value": N_(
        "{value:g} stands in {cells} cells, far from all other values, and may mean that nothing was"
        " measured."
    ),
    # Columns
    "no_header": N_("There are no column names here. Set the line that has them, or 0 if the file has none."),
    "bad_column_name": N_("A column name contains a NUL character. Export the file again."),
    "duplicate_column": N_("Two columns have this name. Rename one of them."),
    "columns_not_found": N_(
        "The file has no column {columns}, which the configuration names. Check that this is the right file,"
        " or correct the names."
    ),
    "columns_out_of_order": N_(
        "In the file, “{first}” comes before “{second}”; the configuration expects it the other way round."
        " Correct the names in the configuration."
    ),
    "different_columns": N_(
        "The columns are not those of the other files or of the baseline; “{column}” is the first that"
        " differs. Use the same columns in the same order."
    ),
    "column_absent": N_(
        "{field} names the column “{column}”, which the file does not have. Correct it in the configuration."
    ),
    "unknown_column": N_(
        "{field} names the column “{column}”, which the file does not have. Correct it in the configuration."
    ),
    "no_numbers": N_("No column has numbers. Check that this is the right file."),
    "no_features": N_(
        "None of the columns is a feature. Check that this is the right file, and what its columns are used"
        " as."
    ),
    # Samples
    "no_samples": N_("There are column names, but no samples below them. Export the file again."),
    "too_few_samples": N_(
        "Only {samples} samples can be used, and {minimum} are needed. Record for longer, and check that the"
        " sensors deliver values."
    ),
    "all_missing": N_(
        "More than {max_share:.0%} of every feature is missing. Check the sensors and the logger."
    ),
    "none_judged": N_(
        "None of the {samples} samples could be judged, because too many of their values are missing."
    ),
    "no_order": N_("Some samples have no number in the column that orders them. Choose another column."),
    "wrong_shape": N_("The samples do not fit together: each needs one value per feature."),
    # Times
    "no_times": N_("No row has a time that could be read. Check the time column and its format."),
    "join_without_times": N_(
        "Files with different columns are joined on their times, but this one has none that could be read."
        " Set its time column and format, or send another export."
    ),
    "times_never_meet": N_(
        "No time in this file occurs in the others, so their sensors never meet in one sample. Set the step"
        " (resample), for example to {resample}."
    ),
    "time_order_ambiguous_option": N_("If times are written as {time_format}:"),
    "time_order_mixed_option": N_("If times are written as {time_format}:"),
    "time_zone_unknown_option": N_("If times are written as {time_format}, in the time zone that you set:"),
    # Labels
    "label_columns": N_(
        "A label has a start and an end, separated by a comma, a semicolon or a tab, and after them a code."
        " Complete the row."
    ),
    "label_time": N_("“{cell}” is not a time. Write the times as ISO 8601, such as 2024-03-21T08:37:00Z."),
    "label_time_ambiguous": N_(
        "“{cell}” can be read in two ways: day and month cannot be told apart. Write the times as ISO 8601,"
        " such as 2024-03-21T08:37:00Z."
    ),
    "label_order": N_("The label ends before it starts, or when it does. Correct its times."),
    "label_code_too_long": N_("The code has more than {limit} characters. Shorten it."),
    "too_many_labels": N_("The file has more than {limit} labels. Split it up."),
    "too_large_labels": N_("The file has more than {limit} bytes, so it is hardly a list of labels."),
    # What is no fault of the file
    "config_invalid": N_("The setting “{field}” is not valid. Correct it, or leave it empty."),
    "model_version": N_("The baseline was made by an older version of the platform. Upload it again."),
    "worker_died": N_(
        "The analysis program ended unexpectedly {attempts} times. Try again; if it fails again, tell the"
        " operator of this installation."
    ),
    "out_of_memory": N_(
        "The analysis needs more memory than is available. Use fewer features, or tell the operator of this"
        " installation."
    ),
    "internal_error": N_(
        "Something went wrong on our side and was logged. Tell the operator of this installation."
    ),
}
# What is remarkable about data that were read.
QUALITY: Mapping[str, str] = {
    # Sensors
    "sensor_absent": N_("“{sensor}” is not in the file, so its values are missing."),
    "sensor_dead": N_("“{sensor}” has no value at all."),
    "sensor_missing": N_("“{sensor}” is missing in {share:.1%} of the samples."),
    "sensor_constant": N_("“{sensor}” is {value:g} in all samples."),
    "sensor_stuck": N_("“{sensor}” keeps one value for {run} samples."),
    "sensor_monotonic": N_("“{sensor}” only rises or only falls, as a counter does."),
    "sensor_coarse": N_("“{sensor}” has only {steps} steps of {resolution:g}."),
    "sensor_coarser": N_("“{sensor}” has steps of {resolution:g} here, but of {baseline:g} in the baseline."),
    "sensor_saturated": N_("“{sensor}” is at its limit {limit:g} in {share:.0%} of the samples."),
    "sensor_jumps": N_("“{sensor}” jumped {count} times by far more than usual."),
    "sensor_few_effective_samples": N_(
        "“{sensor}” changes so slowly that its samples carry only as much information as"
        " {effective_samples:g} independent ones."
    ),
    # Times
    "time_column_absent": N_(
        "The times were not read, because the file has no column “{column}”. Correct the time column, or"
        " leave it out."
    ),
    "times_not_as_configured": N_(
        "The times, such as “{cell}”, could not be read as configured. Correct the time column and its"
        " format, or leave them out."
    ),
    "time_order_ambiguous": N_(
        "The times in {columns} were not read, because day and month cannot be told apart. Set their format"
        " to one of {formats}."
    ),
    "time_order_mixed": N_(
        "The times in {columns} were not read, because some cells have the day first and others the month."
        " Set their format to one of {formats}."
    ),
    "time_zone_unknown": N_(
        "The times in {columns} were not read, because “{zone}” names several time zones or none. Set their"
        " format to {formats}, and the time zone that is meant, for example Europe/Berlin."
    ),
    "times_without_date": N_(
        "The times in {columns} were not read, because they have no date. Add a column with the date."
    ),
    "times_unreadable": N_(
        "{count} times in “{column}” could not be read; the first is “{cell}” in row {row}. Their samples"
        " have the time of the upload."
    ),
    "times_backwards": N_(
        "The times step back {count} times, first in row {row}. The samples keep the order of the file."
    ),
    "times_skipped_hour": N_(
        "{count} times lie in an hour that {zone} skips in spring, so the logger's clock does not change with"
        " the season. Set the time zone to its offset, for example +01:00."
    ),
    "times_repeated_hour": N_(
        "{count} times lie in an hour that occurs twice in autumn in {zone}; they were taken for the first"
        " one. Export times in UTC to be sure."
    ),
    # What was left out
    "empty_row": N_("The row has no value."),
    "repeated_header": N_("The line repeats the header."),
    "repeated_preamble": N_("The line repeats one of those before the header."),
    "repeated_units": N_("The line repeats the units."),
    "totals": N_("The row is a total, not a sample."),
    "cut_line": N_("The last line is incomplete."),
    "footer": N_("The line is no row, but text after the last one."),
    "rows_without_time": N_("{rows} rows have no time that could be read, and were left out."),
    "values_merged": N_(
        "{values} values have the same time as another value of their sensor, and were combined ({how})."
    ),
    "off_unknown": N_(
        "Whether the machine was off is not known for {count} samples, because a value is missing (off_when)."
    ),
    "labels_without_times": N_("The labels were not used, because the samples have no times."),
    # Why a column is not a feature
    "column_configured": N_("The configuration says so."),
    "column_not_numbers": N_("Some of its cells are not numbers."),
    "column_constant": N_("It is constant, and lies among the metadata columns."),
    "column_text": N_("It holds text."),
    "column_time": N_("It holds times."),
    "column_empty": N_("It has no values."),
    "column_label": N_("It looks like a label."),
    "column_quality": N_("It states the quality of other values: those it calls bad count as missing."),
    "column_counter": N_("It counts the rows."),
    "column_identifier": N_("It numbers rows or machines."),
}
