// The widest vectors of floats where those are eight floats. Part of kernels.inc.h.

typedef f32x8 fk_wide;
typedef i32x8 fk_wide_bits;

INLINE fk_wide wide_splat(float value) { return splat(value); }
INLINE fk_wide wide_load(const float *from) { return load8(from); }
INLINE fk_wide wide_load_half(const fk_half *from) { return fk_load_half8(from); }
INLINE fk_wide wide_load_codes(const int8_t *from) {
  s8x8 codes;
  memcpy(&codes, from, 8);
  return __builtin_convertvector(codes, f32x8);
}
INLINE void wide_store(float *to, fk_wide value) { store8(to, value); }
INLINE fk_wide wide_fma(fk_wide a, fk_wide b, fk_wide c) { return fk_fma(a, b, c); }
INLINE float wide_sum_lanes(fk_wide value) { return sum_lanes(value); }
