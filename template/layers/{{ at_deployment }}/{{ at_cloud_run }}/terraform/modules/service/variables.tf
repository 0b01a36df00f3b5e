variable "name" {
  description = "Name of the service."
  type        = string
}

variable "environment" {
  description = "Value of ENVIRONMENT."
  type        = string
}

variable "region" {
  description = "Region of the service."
  type        = string
}

variable "network" {
  description = "Network that it reaches data services through."
  type        = string
}

variable "subnetwork" {
  description = "Subnetwork that its instances get addresses from."
  type        = string
}

variable "cpu" {
  description = "CPUs of an instance."
  type        = string
}

variable "memory" {
  description = "Memory of an instance."
  type        = string
}

variable "concurrency" {
  description = "Requests that an instance serves at once."
  type        = number
}

variable "min_instances" {
  description = "Instances that always run."
  type        = number
}

variable "max_instances" {
  description = "Most instances."
  type        = number
}

variable "settings" {
  description = "Environment variables besides those that follow from the platform."
  type        = map(string)
}

variable "secrets" {
  description = "Secret of each environment variable whose value Terraform made."
  type        = map(string)
}

variable "own_secrets" {
  description = "Environment variables whose value a person put into Secret Manager."
  type        = set(string)
}

variable "metrics_token_version" {
  description = "Raise it to make a new METRICS_TOKEN."
  type        = number
}

variable "deployer" {
  description = "Service account of the pipeline's deploys."
  type        = string
}

variable "deletion_protection" {
  description = "Whether a deletion is refused."
  type        = bool
}

variable "labels" {
  description = "Labels of everything in here."
  type        = map(string)
}
