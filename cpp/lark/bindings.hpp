#pragma once

#include <nanobind/nanobind.h>

namespace tamis::lark {

void bind(nanobind::module_& module);

}  // namespace tamis::lark
