"""The fields of the standard trace header of SEG-Y revision 1, as a record of NumPy."""

from __future__ import annotations

import numpy as np

from seisdream.io.segy.headers import N_TRACE_HEADER_BYTES

# Name and bytes of each field, in the order of the header.
_FIELDS = (
    "trace_seq_num_line:4 trace_seq_num_reel:4 orig_field_record_num:4 trace_num_orig_record:4 "
    "energy_source_point_num:4 ensemble_num:4 trace_num_ensemble:4 trace_id_code:2 vertically_summed_traces:2 "
    "horizontally_stacked_traces:2 data_use:2 source_to_receiver_distance:4 receiver_group_elevation:4 "
    "source_surface_elevation:4 source_depth_below_surface:4 receiver_datum_elevation:4 source_datum_elevation:4 "
    "source_water_depth:4 receiver_water_depth:4 elevation_depth_scalar:2 coordinate_scalar:2 source_coord_x:4 "
    "source_coord_y:4 group_coord_x:4 group_coord_y:4 coordinate_unit:2 weathering_velocity:2 "
    "subweathering_velocity:2 source_uphole_time:2 group_uphole_time:2 source_static_correction:2 "
    "receiver_static_correction:2 total_static_applied:2 lag_time_a:2 lag_time_b:2 delay_recording_time:2 "
    "mute_time_start:2 mute_time_end:2 samples_per_trace:2 sample_interval:2 instrument_gain_type:2 "
    "instrument_gain_const:2 instrument_gain_initial:2 correlated_data:2 sweep_freq_start:2 sweep_freq_end:2 "
    "sweep_length:2 sweep_type:2 sweep_taper_start:2 sweep_taper_end:2 taper_type:2 alias_filter_freq:2 "
    "alias_filter_slope:2 notch_filter_freq:2 notch_filter_slope:2 low_cut_freq:2 high_cut_freq:2 low_cut_slope:2 "
    "high_cut_slope:2 year_recorded:2 day_of_year:2 hour_of_day:2 minute_of_hour:2 second_of_minute:2 "
    "time_basis_code:2 trace_weighting_factor:2 group_num_roll_switch:2 group_num_first_trace:2 "
    "group_num_last_trace:2 gap_size:2 taper_overtravel:2 cdp_x:4 cdp_y:4 inline:4 crossline:4 shot_point:4 "
    "shot_point_scalar:2 trace_value_measurement_unit:2 transduction_constant_mantissa:4 "
    "transduction_constant_exponent:2 transduction_unit:2 device_trace_id:2 times_scalar:2 "
    "source_type_orientation:2 source_energy_direction_mantissa:4 source_energy_direction_exponent:2 "
    "source_measurement_mantissa:4 source_measurement_exponent:2 source_measurement_unit:2 unassigned_233:4 "
    "unassigned_237:4"
)


def header_record(order: str) -> np.dtype:
    """Return the record of a trace header, all of its 240 bytes, in a byte order (``<`` or ``>``)."""
    fields = [one.partition(":") for one in _FIELDS.split()]
    record = np.dtype([(name, f"{order}i{size}") for name, _, size in fields])
    assert record.itemsize == N_TRACE_HEADER_BYTES
    return record
