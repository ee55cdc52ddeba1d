# nai_fmt: fmt compiled once. Debian ships fmt as a shared library or as headers; header-only, every
# file that formats a string takes 15 s to compile instead of 1 s.
include_guard(GLOBAL)

set(source "${PROJECT_BINARY_DIR}/generated/fmt_format.cpp")
file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT [[
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API locale_ref::locale_ref(const std::locale&);
template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view,
                                 basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);
}  // namespace detail
FMT_END_NAMESPACE
]])

get_target_property(include_dirs fmt::fmt-header-only INTERFACE_INCLUDE_DIRECTORIES)
add_library(nai_fmt STATIC "${source}")
target_include_directories(nai_fmt SYSTEM PUBLIC ${include_dirs})
