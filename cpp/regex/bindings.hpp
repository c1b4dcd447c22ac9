#pragma once

#include <nanobind/nanobind.h>

namespace tamis {

void bind_regex(nanobind::module_& m);

}  // namespace tamis
