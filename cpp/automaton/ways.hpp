// Which byte classes lead to the same place: a partition of them that is refined by one mark after the other.
#pragma once

#include <cstdint>
#include <vector>

namespace tamis {

class Ways {
 public:
  // The way of the classes that nothing has marked.
  static constexpr std::uint32_t kNone = 0;

  explicit Ways(std::size_t classes) : of_(classes, kNone) {}

  // What is marked from here on, until the next `begin`, comes from one source: equal targets are the same place.
  void begin() { marks_.clear(); }
  void mark(std::size_t first, std::size_t last, std::uint32_t target) {
    std::uint32_t before = kNone;
    std::uint32_t after = kNone;  // no mark makes it
    for (std::size_t c = first; c <= last; ++c) {
      if (after == kNone || of_[c] != before) {
        before = of_[c];
        after = marked(before, target);
      }
      of_[c] = after;
    }
  }

  // Marks each class with its number among `count` of them, 0 (kNone) apart: that leads nowhere.
  void mark(const std::vector<std::uint16_t>& numbers, std::size_t count) {
    std::size_t before_count = 0;
    const std::vector<std::uint16_t> before = dense(before_count);
    std::vector<std::uint32_t> after(before_count * count, kUnmarked);
    for (std::size_t c = 0; c < of_.size(); ++c) {
      if (numbers[c] == kNone) continue;
      std::uint32_t& way = after[before[c] * count + numbers[c]];
      if (way == kUnmarked) way = ++made_;
      of_[c] = way;
    }
  }

  // Numbers the ways anew without gaps, kNone first, and returns them by class.
  std::vector<std::uint16_t> dense(std::size_t& count) const {
    std::vector<std::uint16_t> number_of(made_ + 1, kUnnumbered);
    number_of[kNone] = 0;
    count = 1;
    std::vector<std::uint16_t> numbers(of_.size());
    for (std::size_t c = 0; c < of_.size(); ++c) {
      std::uint16_t& number = number_of[of_[c]];
      if (number == kUnnumbered) number = static_cast<std::uint16_t>(count++);
      numbers[c] = number;
    }
    return numbers;
  }

 private:
  struct Mark {
    std::uint32_t before;
    std::uint32_t after;
    std::uint32_t target;
  };

  static constexpr std::uint16_t kUnnumbered = 0xFFFF;
  static constexpr std::uint32_t kUnmarked = 0xFFFFFFFFU;

  std::uint32_t marked(std::uint32_t before, std::uint32_t target) {
    for (const Mark& mark : marks_) {
      if (mark.before == before && mark.target == target) return mark.after;
    }
    marks_.push_back({before, ++made_, target});
    return made_;
  }

  std::vector<std::uint32_t> of_;
  std::vector<Mark> marks_;
  std::uint32_t made_ = kNone;
};

}  // namespace tamis
