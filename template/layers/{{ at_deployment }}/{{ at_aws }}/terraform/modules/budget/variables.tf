variable "name" {
  description = "Name of the service in this environment, as in the tag service."
  type        = string
}

variable "monthly_usd" {
  description = "What the environment may cost in a month, in US dollars."
  type        = number
}

variable "topic_arn" {
  description = "Topic that hears about it."
  type        = string
}
