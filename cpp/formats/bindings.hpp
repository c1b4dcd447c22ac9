#pragma once

#include <nanobind/nanobind.h>

namespace tamis::formats {

void bind_formats(nanobind::module_& m);

}  // namespace tamis::formats
