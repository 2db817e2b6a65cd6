# A line that a visitor left. Each machine keeps its own: they go when it is replaced.
class Note < ApplicationRecord
  validates :text, presence: true, length: { maximum: 200 }

  scope :latest, -> { order(id: :desc).limit(10) }
end
