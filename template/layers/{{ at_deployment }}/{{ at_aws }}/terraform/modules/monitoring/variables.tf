variable "name" {
  description = "Name of the service in this environment."
  type        = string
}

variable "alert_email" {
  description = "Address that gets every alarm; AWS asks it to confirm once."
  type        = string
}
